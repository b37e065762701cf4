// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

type consumers struct {
	namesrv primitive.NamesrvAddr
	mutex   sync.Mutex
	push    map[string]rocketmq.PushConsumer
	pull    map[string]rocketmq.PullConsumer
}

func newConsumers(namesrv primitive.NamesrvAddr) *consumers {
	return &consumers{namesrv: namesrv, push: map[string]rocketmq.PushConsumer{},
		pull: map[string]rocketmq.PullConsumer{}}
}

func (c *consumers) run(wanted request) (interface{}, error) {
	c.mutex.Lock()
	push, pull := c.push[wanted.Name], c.pull[wanted.Name]
	c.mutex.Unlock()
	switch wanted.Op {
	case "push.start":
		return nil, c.startPush(wanted)
	case "push.close":
		return nil, push.Shutdown()
	case "pull.start":
		return nil, c.startPull(wanted)
	case "pull.queues":
		return c.queues(wanted)
	case "pull.pull":
		return pullFrom(pull, wanted)
	case "pull.close":
		return nil, pull.Shutdown()
	}
	return nil, fmt.Errorf("unknown op %s", wanted.Op)
}

func (c *consumers) common(wanted request) []consumer.Option {
	return []consumer.Option{
		consumer.WithNameServer(c.namesrv),
		consumer.WithGroupName(wanted.Group),
		consumer.WithInstance(fmt.Sprintf("%d@%s", os.Getpid(), wanted.Name)),
	}
}

func selector(wanted request) consumer.MessageSelector {
	expression := wanted.Expression
	if expression == "" {
		expression = "*"
	}
	if wanted.SQL {
		return consumer.MessageSelector{Type: consumer.SQL92, Expression: expression}
	}
	return consumer.MessageSelector{Type: consumer.TAG, Expression: expression}
}

func (c *consumers) startPush(wanted request) error {
	options := append(c.common(wanted), consumer.WithConsumerOrder(wanted.Orderly),
		consumer.WithConsumeMessageBatchMaxSize(1))
	if wanted.From == "last" {
		options = append(options, consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset))
	} else {
		options = append(options, consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	}
	if wanted.Model == "broadcasting" {
		options = append(options, consumer.WithConsumerModel(consumer.BroadCasting))
	}
	if wanted.MaxReconsume != nil {
		options = append(options, consumer.WithMaxReconsumeTimes(*wanted.MaxReconsume))
	}
	if wanted.Threads > 0 {
		options = append(options, consumer.WithConsumeGoroutineNums(wanted.Threads))
	}
	if wanted.SuspendMs > 0 {
		options = append(options,
			consumer.WithSuspendCurrentQueueTimeMillis(time.Duration(wanted.SuspendMs)*time.Millisecond))
	}
	if wanted.Trace {
		options = append(options, consumer.WithTrace(traceConfig(c.namesrv, wanted)))
	}
	push, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return err
	}
	seen := sync.Map{}
	err = push.Subscribe(wanted.Topic, selector(wanted), func(_ context.Context,
		messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		refused := false
		for _, message := range messages {
			reportMessage(wanted.Name, message)
			_, known := seen.LoadOrStore(message.MsgId, true)
			refused = refused || message.ReconsumeTimes < wanted.FailBelow || (wanted.FailFirst && !known)
		}
		switch {
		case !refused:
			return consumer.ConsumeSuccess, nil
		case wanted.Orderly:
			return consumer.SuspendCurrentQueueAMoment, nil
		}
		return consumer.ConsumeRetryLater, nil
	})
	if err != nil {
		return err
	}
	if err = push.Start(); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.push[wanted.Name] = push
	return nil
}

func (c *consumers) startPull(wanted request) error {
	pull, err := rocketmq.NewPullConsumer(c.common(wanted)...)
	if err != nil {
		return err
	}
	if err = pull.Subscribe(wanted.Topic, selector(wanted)); err != nil {
		return err
	}
	if err = pull.Start(); err != nil {
		return err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.pull[wanted.Name] = pull
	return nil
}

// queues asks the admin client: the pull consumer does not tell.
func (c *consumers) queues(wanted request) (interface{}, error) {
	asker, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver(c.namesrv)))
	if err != nil {
		return nil, err
	}
	found, err := asker.FetchPublishMessageQueues(context.Background(), wanted.Topic)
	if err != nil {
		return nil, err
	}
	shown := [][]interface{}{}
	for _, queue := range found {
		shown = append(shown, []interface{}{queue.BrokerName, queue.QueueId})
	}
	return shown, nil
}

func pullFrom(pull rocketmq.PullConsumer, wanted request) (interface{}, error) {
	if err := pull.Subscribe(wanted.Topic, selector(wanted)); err != nil {
		return nil, err
	}
	queue := &primitive.MessageQueue{Topic: wanted.Topic, BrokerName: wanted.Broker, QueueId: wanted.Queue}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	result, err := pull.PullFrom(ctx, queue, wanted.Offset, wanted.Max)
	if err != nil {
		return nil, err
	}
	statuses := []string{"FOUND", "NO_NEW_MSG", "NO_MATCHED_MSG", "OFFSET_ILLEGAL", "BROKER_TIMEOUT"}
	messages := []object{}
	for _, message := range result.GetMessageExts() {
		messages = append(messages, shownMessage(message))
	}
	return object{"status": statuses[result.Status], "next": result.NextBeginOffset, "min": result.MinOffset,
		"max": result.MaxOffset, "messages": messages}, nil
}
