// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// requests are asking producers, and consumers that reply "re: " and the body, but not to tag "silent".
type requests struct {
	namesrv primitive.NamesrvAddr
	mutex   sync.Mutex
	byName  map[string]rocketmq.Producer
}

func newRequests(namesrv primitive.NamesrvAddr) *requests {
	return &requests{namesrv: namesrv, byName: map[string]rocketmq.Producer{}}
}

func (r *requests) run(wanted request) (interface{}, error) {
	switch wanted.Op {
	case "request.start":
		_, err := r.start(wanted)
		return nil, err
	case "request.serve":
		return nil, r.serve(wanted)
	case "request.ask":
		r.mutex.Lock()
		asker := r.byName[wanted.Name]
		r.mutex.Unlock()
		return ask(asker, wanted)
	}
	return nil, fmt.Errorf("unknown op %s", wanted.Op)
}

func (r *requests) start(wanted request) (rocketmq.Producer, error) {
	sender, err := rocketmq.NewProducer(
		producer.WithNameServer(r.namesrv),
		producer.WithGroupName(wanted.Group),
		producer.WithInstanceName(fmt.Sprintf("%d@%s", os.Getpid(), wanted.Name)))
	if err != nil {
		return nil, err
	}
	if err = sender.Start(); err != nil {
		return nil, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.byName[wanted.Name] = sender
	return sender, nil
}

func (r *requests) serve(wanted request) error {
	replier, err := r.start(wanted)
	if err != nil {
		return err
	}
	push, err := rocketmq.NewPushConsumer(
		consumer.WithNameServer(r.namesrv),
		consumer.WithGroupName(wanted.Group),
		consumer.WithInstance(fmt.Sprintf("%d@%s", os.Getpid(), wanted.Name)),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	if err != nil {
		return err
	}
	err = push.Subscribe(wanted.Topic, selector(wanted), func(ctx context.Context,
		messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			reportMessage(wanted.Name, message)
			if message.GetTags() == "silent" {
				continue
			}
			// CreateReplyMessage loses the body, which applications therefore set themselves.
			reply, err := consumer.CreateReplyMessage(message, nil)
			if err == nil {
				reply.Body = append([]byte("re: "), message.Body...)
				_, err = replier.SendSync(ctx, reply)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "reply:", err)
			}
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return err
	}
	return push.Start()
}

func answered(reply *primitive.Message, err error) object {
	if err != nil {
		return object{"error": err.Error()}
	}
	return object{"body": string(reply.Body), "props": reply.GetProperties()}
}

// ask gives {"body"} or {"error"} for each message.
func ask(asker rocketmq.Producer, wanted request) (interface{}, error) {
	timeout := 3 * time.Second
	if wanted.TimeoutMs > 0 {
		timeout = time.Duration(wanted.TimeoutMs) * time.Millisecond
	}
	answers := make([]object, len(wanted.Messages))
	done := sync.WaitGroup{}
	for i, spec := range wanted.Messages {
		index, message := i, built(spec)
		if wanted.Mode != "async" {
			answers[index] = answered(asker.Request(context.Background(), timeout, message))
			continue
		}
		done.Add(1)
		once := sync.Once{} // the client calls back a second time when it forgets the request
		err := asker.RequestAsync(context.Background(), timeout, func(_ context.Context, reply *primitive.Message, err error) {
			once.Do(func() {
				answers[index] = answered(reply, err)
				done.Done()
			})
		}, message)
		if err != nil {
			return nil, err
		}
	}
	done.Wait()
	return answers, nil
}
