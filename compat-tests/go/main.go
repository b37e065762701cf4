// SPDX-License-Identifier: Apache-2.0

// Carries out the runner's requests with the stock Go client. The protocol is in compat-tests/README.md.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

func main() {
	rlog.SetLogLevel("warn")
	namesrv := primitive.NamesrvAddr(strings.Split(os.Args[1], ";"))
	producers := newProducers(namesrv)
	consumers := newConsumers(namesrv)
	transactions := newTransactions(namesrv)
	requests := newRequests(namesrv)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var wanted request
		if err := json.Unmarshal(lines.Bytes(), &wanted); err != nil {
			fmt.Fprintln(os.Stderr, "unreadable request:", err)
			os.Exit(1)
		}
		go answer(wanted, producers, consumers, transactions, requests)
	}
}

func answer(wanted request, producers *producers, consumers *consumers, transactions *transactions, requests *requests) {
	var result interface{}
	var err error
	switch {
	case strings.HasPrefix(wanted.Op, "producer."):
		result, err = producers.run(wanted)
	case strings.HasPrefix(wanted.Op, "transaction."):
		result, err = transactions.run(wanted)
	case strings.HasPrefix(wanted.Op, "request."):
		result, err = requests.run(wanted)
	default:
		result, err = consumers.run(wanted)
	}
	if err != nil {
		write(object{"id": wanted.ID, "ok": false, "error": err.Error()})
		return
	}
	write(object{"id": wanted.ID, "ok": true, "result": result})
}
