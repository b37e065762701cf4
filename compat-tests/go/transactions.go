// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// transactions are transactional producers. A message's properties say what becomes of it: "local" what its local
// transaction answers, "check" what a check does; commit, rollback or unknown.
type transactions struct {
	namesrv primitive.NamesrvAddr
	mutex   sync.Mutex
	byName  map[string]rocketmq.TransactionProducer
}

func newTransactions(namesrv primitive.NamesrvAddr) *transactions {
	return &transactions{namesrv: namesrv, byName: map[string]rocketmq.TransactionProducer{}}
}

// scripted answers as the message says, and reports every check as an event of the producer's name.
type scripted struct{ name string }

func stateOf(name string) primitive.LocalTransactionState {
	switch name {
	case "commit":
		return primitive.CommitMessageState
	case "rollback":
		return primitive.RollbackMessageState
	}
	return primitive.UnknowState
}

func (s scripted) ExecuteLocalTransaction(message *primitive.Message) primitive.LocalTransactionState {
	return stateOf(message.GetProperty("local"))
}

func (s scripted) CheckLocalTransaction(message *primitive.MessageExt) primitive.LocalTransactionState {
	if message.Queue == nil {
		message.Queue = &primitive.MessageQueue{}
	}
	reportMessage(s.name, message)
	return stateOf(message.GetProperty("check"))
}

func (t *transactions) run(wanted request) (interface{}, error) {
	if wanted.Op == "transaction.start" {
		return nil, t.start(wanted)
	}
	t.mutex.Lock()
	sender := t.byName[wanted.Name]
	t.mutex.Unlock()
	switch wanted.Op {
	case "transaction.send":
		return sendTransactions(sender, wanted)
	case "transaction.close":
		return nil, sender.Shutdown()
	}
	return nil, fmt.Errorf("unknown op %s", wanted.Op)
}

func (t *transactions) start(wanted request) error {
	timeout, retries := 5000, 2
	if wanted.TimeoutMs > 0 {
		timeout = wanted.TimeoutMs
	}
	if wanted.Retries != nil {
		retries = *wanted.Retries
	}
	sender, err := rocketmq.NewTransactionProducer(scripted{wanted.Name},
		producer.WithNameServer(t.namesrv),
		producer.WithGroupName(wanted.Group),
		producer.WithInstanceName(fmt.Sprintf("%d@%s", os.Getpid(), wanted.Name)),
		producer.WithSendMsgTimeout(time.Duration(timeout)*time.Millisecond),
		producer.WithRetry(retries))
	if err != nil {
		return err
	}
	if err = sender.Start(); err != nil {
		return err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.byName[wanted.Name] = sender
	return nil
}

// sendTransactions gives one result for each message; with Tolerant a failure is a result, too.
func sendTransactions(sender rocketmq.TransactionProducer, wanted request) (interface{}, error) {
	results := []object{}
	for _, spec := range wanted.Messages {
		result, err := sender.SendMessageInTransaction(context.Background(), built(spec))
		switch {
		case err == nil:
			results = append(results, shownResult(result.SendResult))
		case wanted.Tolerant:
			results = append(results, object{"status": "FAILED"})
		default:
			return nil, err
		}
	}
	return results, nil
}
