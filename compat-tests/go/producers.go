// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

const asyncWindow = 32

// byShard sends messages with a sharding key to the queue of that number and spreads the others.
type byShard struct {
	spread producer.QueueSelector
}

func (s byShard) Select(message *primitive.Message, queues []*primitive.MessageQueue, last string) *primitive.MessageQueue {
	if shard, err := strconv.Atoi(message.GetShardingKey()); err == nil {
		return queues[shard%len(queues)]
	}
	return s.spread.Select(message, queues, last)
}

type producers struct {
	namesrv primitive.NamesrvAddr
	mutex   sync.Mutex
	byName  map[string]rocketmq.Producer
	stops   map[string]chan struct{}
}

func newProducers(namesrv primitive.NamesrvAddr) *producers {
	return &producers{namesrv: namesrv, byName: map[string]rocketmq.Producer{}, stops: map[string]chan struct{}{}}
}

func (p *producers) run(wanted request) (interface{}, error) {
	if wanted.Op == "producer.start" {
		return nil, p.start(wanted)
	}
	p.mutex.Lock()
	sender, stop := p.byName[wanted.Name], p.stops[wanted.Name]
	p.mutex.Unlock()
	switch wanted.Op {
	case "producer.send":
		return send(sender, wanted)
	case "producer.send_many":
		return sendMany(sender, wanted)
	case "producer.loop":
		return loop(sender, wanted, stop)
	case "producer.stop_loop":
		close(stop)
		return nil, nil
	case "producer.close":
		return nil, sender.Shutdown()
	}
	return nil, fmt.Errorf("unknown op %s", wanted.Op)
}

func (p *producers) start(wanted request) error {
	timeout, retries := 5000, 2
	if wanted.TimeoutMs > 0 {
		timeout = wanted.TimeoutMs
	}
	if wanted.Retries != nil {
		retries = *wanted.Retries
	}
	options := []producer.Option{
		producer.WithNameServer(p.namesrv),
		producer.WithGroupName(wanted.Group),
		producer.WithInstanceName(fmt.Sprintf("%d@%s", os.Getpid(), wanted.Name)),
		producer.WithSendMsgTimeout(time.Duration(timeout)*time.Millisecond),
		producer.WithRetry(retries),
		producer.WithQueueSelector(byShard{producer.NewRoundRobinQueueSelector()}),
	}
	if wanted.Trace {
		options = append(options, producer.WithTrace(traceConfig(p.namesrv, wanted)))
	}
	sender, err := rocketmq.NewProducer(options...)
	if err != nil {
		return err
	}
	if err = sender.Start(); err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.byName[wanted.Name] = sender
	p.stops[wanted.Name] = make(chan struct{})
	return nil
}

func built(spec messageSpec) *primitive.Message {
	message := primitive.NewMessage(spec.Topic, []byte(spec.Body))
	if spec.Tags != "" {
		message.WithTag(spec.Tags)
	}
	if spec.Keys != "" {
		message.WithKeys(strings.Split(spec.Keys, " "))
	}
	if spec.Delay > 0 {
		message.WithDelayTimeLevel(spec.Delay)
	}
	for key, value := range spec.Props {
		message.WithProperty(key, value)
	}
	return message
}

func shownResult(result *primitive.SendResult) object {
	status := strconv.Itoa(int(result.Status))
	if result.Status == primitive.SendOK {
		status = "SEND_OK"
	}
	return object{"status": status, "id": result.MsgID, "offset_id": result.OffsetMsgID,
		"broker": result.MessageQueue.BrokerName, "queue": result.MessageQueue.QueueId, "offset": result.QueueOffset}
}

func send(sender rocketmq.Producer, wanted request) (interface{}, error) {
	messages, results := []*primitive.Message{}, []object{}
	for _, spec := range wanted.Messages {
		message := built(spec)
		if wanted.Mode == "ordered" {
			message.WithShardingKey(strconv.Itoa(spec.Shard))
		}
		messages = append(messages, message)
	}
	switch wanted.Mode {
	case "batch":
		result, err := sender.SendSync(context.Background(), messages...)
		if err != nil {
			return nil, err
		}
		return append(results, shownResult(result)), nil
	case "oneway":
		for _, message := range messages {
			if err := sender.SendOneWay(context.Background(), message); err != nil {
				return nil, err
			}
		}
		return results, nil
	case "async":
		return sendAsync(sender, messages)
	}
	for _, message := range messages {
		result, err := sender.SendSync(context.Background(), message)
		if err != nil {
			return nil, err
		}
		results = append(results, shownResult(result))
	}
	return results, nil
}

// sendAsync keeps a bounded window in flight; results come in the order of the messages.
func sendAsync(sender rocketmq.Producer, messages []*primitive.Message) ([]object, error) {
	results := make([]object, len(messages))
	failures := make(chan error, len(messages))
	window := make(chan struct{}, asyncWindow)
	var waiting sync.WaitGroup
	for i, message := range messages {
		index := i
		waiting.Add(1)
		window <- struct{}{}
		err := sender.SendAsync(context.Background(), func(_ context.Context, result *primitive.SendResult, err error) {
			if err != nil {
				failures <- err
			} else {
				results[index] = shownResult(result)
			}
			<-window
			waiting.Done()
		}, message)
		if err != nil {
			return nil, err
		}
	}
	waiting.Wait()
	select {
	case err := <-failures:
		return nil, err
	default:
		return results, nil
	}
}

func sendMany(sender rocketmq.Producer, wanted request) (interface{}, error) {
	messages := []*primitive.Message{}
	for i := 0; i < wanted.Count; i++ {
		messages = append(messages, primitive.NewMessage(wanted.Topic, numberedBody(wanted.First+i, wanted.Size)))
	}
	results, err := sendAsync(sender, messages)
	if err != nil {
		return nil, err
	}
	acked := [][]interface{}{}
	for i, result := range results {
		acked = append(acked, []interface{}{wanted.First + i, result["broker"], result["queue"], result["offset"]})
	}
	return acked, nil
}

// loop sends numbered messages one by one until stop is closed.
func loop(sender rocketmq.Producer, wanted request, stop chan struct{}) (interface{}, error) {
	acked, errors := [][]interface{}{}, 0
	for sequence := wanted.First; ; sequence++ {
		select {
		case <-stop:
			return object{"acked": acked, "errors": errors}, nil
		default:
		}
		message := primitive.NewMessage(wanted.Topic, numberedBody(sequence, wanted.Size))
		message.WithShardingKey(strconv.Itoa(sequence % wanted.Shards))
		result, err := sender.SendSync(context.Background(), message)
		if err != nil || result.Status != primitive.SendOK {
			errors++
			time.Sleep(20 * time.Millisecond)
			continue
		}
		acked = append(acked, []interface{}{sequence, result.MessageQueue.BrokerName, result.MessageQueue.QueueId,
			result.QueueOffset})
		write(object{"event": "acked", "sequence": sequence})
	}
}
