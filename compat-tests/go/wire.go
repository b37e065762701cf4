// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

const shownBody = 256

// request is one JSON line of the runner; members that an op does not use stay zero.
type request struct {
	ID           int           `json:"id"`
	Op           string        `json:"op"`
	Name         string        `json:"name"`
	Group        string        `json:"group"`
	Topic        string        `json:"topic"`
	Broker       string        `json:"broker"`
	Queue        int           `json:"queue"`
	Offset       int64         `json:"offset"`
	Max          int           `json:"max"`
	Expression   string        `json:"expression"`
	SQL          bool          `json:"sql"`
	Mode         string        `json:"mode"`
	Messages     []messageSpec `json:"messages"`
	First        int           `json:"first"`
	Count        int           `json:"count"`
	Size         int           `json:"size"`
	Shards       int           `json:"shards"`
	TimeoutMs    int           `json:"timeout_ms"`
	Retries      *int          `json:"retries"`
	Model        string        `json:"model"`
	Orderly      bool          `json:"orderly"`
	Threads      int           `json:"threads"`
	MaxReconsume *int32        `json:"max_reconsume"`
	FailBelow    int32         `json:"fail_below"`
	FailFirst    bool          `json:"fail_first"`
	SuspendMs    int           `json:"suspend_ms"`
	From         string        `json:"from"`
	Trace        bool          `json:"trace"`
	Tolerant     bool          `json:"tolerant"`
}

type messageSpec struct {
	Topic string            `json:"topic"`
	Body  string            `json:"body"`
	Tags  string            `json:"tags"`
	Keys  string            `json:"keys"`
	Delay int               `json:"delay"`
	Shard int               `json:"shard"`
	Props map[string]string `json:"props"`
}

type object map[string]interface{}

var output sync.Mutex

func write(line object) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

// numberedBody is "%08d|" and then filler up to size bytes.
func numberedBody(sequence, size int) []byte {
	head := fmt.Sprintf("%08d|", sequence)
	return append([]byte(head), bytes.Repeat([]byte{byte('a' + sequence%26)}, size-len(head))...)
}

func shownMessage(message *primitive.MessageExt) object {
	text := message.Body
	if len(text) > shownBody {
		text = text[:shownBody]
	}
	return object{
		"topic": message.Topic, "broker": message.Queue.BrokerName, "queue": message.Queue.QueueId,
		"offset": message.QueueOffset, "id": message.MsgId, "tags": message.GetTags(), "keys": message.GetKeys(),
		"body": string(text), "size": len(message.Body), "crc": crc32.ChecksumIEEE(message.Body),
		"reconsume": message.ReconsumeTimes, "born": message.BornTimestamp, "stored": message.StoreTimestamp,
		"props": message.GetProperties(),
	}
}

func reportMessage(consumer string, message *primitive.MessageExt) {
	write(object{"event": "message", "consumer": consumer, "at": time.Now().UnixNano() / int64(time.Millisecond),
		"message": shownMessage(message)})
}

func traceConfig(namesrv primitive.NamesrvAddr, wanted request) *primitive.TraceConfig {
	return &primitive.TraceConfig{GroupName: wanted.Group, Access: primitive.Local, NamesrvAddrs: namesrv}
}
