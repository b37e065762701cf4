// SPDX-License-Identifier: Apache-2.0
#pragma once

// The part of the C interface of librocketmq.so (1.x) that the driver calls.
// Source: CMessage, CMessageExt, CBatchMessage, CProducer, CPushConsumer, CPullConsumer of the
// stock C++ client.

extern "C" {

struct CMessage;
struct CMessageExt;
struct CBatchMessage;
struct CProducer;
struct CPushConsumer;
struct CPullConsumer;

struct CSendResult {
    int send_status;
    char message_id[256];
    long long offset;
};

struct CMQException {
    int error;
    int line;
    char file[512];
    char message[512];
    char type[512];
};

struct CMessageQueue {
    char topic[512];
    char broker_name[256];
    int queue_id;
};

struct CPullResult {
    int pull_status;
    long long next_begin_offset;
    long long min_offset;
    long long max_offset;
    CMessageExt** messages;
    int size;
    void* data;
};

using QueueSelector = int (*)(int queues, CMessage* message, void* argument);
using SendSucceeded = void (*)(CSendResult result);
using SendFailed = void (*)(CMQException failure);
using MessageCallback = int (*)(CPushConsumer* consumer, CMessageExt* message);

const char* GetLatestErrorMessage();

CMessage* CreateMessage(const char* topic);
int DestroyMessage(CMessage* message);
int SetMessageKeys(CMessage* message, const char* keys);
int SetMessageTags(CMessage* message, const char* tags);
int SetByteMessageBody(CMessage* message, const char* body, int size);
int SetMessageProperty(CMessage* message, const char* key, const char* value);
int SetDelayTimeLevel(CMessage* message, int level);
CBatchMessage* CreateBatchMessage();
int AddMessage(CBatchMessage* batch, CMessage* message);
int DestroyBatchMessage(CBatchMessage* batch);

const char* GetMessageTopic(CMessageExt* message);
const char* GetMessageTags(CMessageExt* message);
const char* GetMessageKeys(CMessageExt* message);
const char* GetMessageBody(CMessageExt* message);
const char* GetMessageProperty(CMessageExt* message, const char* key);
const char* GetMessageId(CMessageExt* message);
int GetMessageQueueId(CMessageExt* message);
int GetMessageReconsumeTimes(CMessageExt* message);
long long GetMessageBornTimestamp(CMessageExt* message);
long long GetMessageStoreTimestamp(CMessageExt* message);
long long GetMessageQueueOffset(CMessageExt* message);

CProducer* CreateProducer(const char* group);
int StartProducer(CProducer* producer);
int ShutdownProducer(CProducer* producer);
int SetProducerNameServerAddress(CProducer* producer, const char* addresses);
int SetProducerInstanceName(CProducer* producer, const char* name);
int SetProducerSendMsgTimeout(CProducer* producer, int milliseconds);
int SendMessageSync(CProducer* producer, CMessage* message, CSendResult* result);
int SendMessageAsync(CProducer* producer, CMessage* message, SendSucceeded succeeded,
                     SendFailed failed);
int SendMessageOneway(CProducer* producer, CMessage* message);
int SendBatchMessage(CProducer* producer, CBatchMessage* batch, CSendResult* result);
int SendMessageOrderly(CProducer* producer, CMessage* message, QueueSelector selector,
                       void* argument, int retries, CSendResult* result);

CPushConsumer* CreatePushConsumer(const char* group);
int StartPushConsumer(CPushConsumer* consumer);
int ShutdownPushConsumer(CPushConsumer* consumer);
int SetPushConsumerNameServerAddress(CPushConsumer* consumer, const char* addresses);
int SetPushConsumerInstanceName(CPushConsumer* consumer, const char* name);
int SetPushConsumerThreadCount(CPushConsumer* consumer, int threads);
int SetPushConsumerMessageBatchMaxSize(CPushConsumer* consumer, int size);
int SetPushConsumerMessageModel(CPushConsumer* consumer, int model);
int Subscribe(CPushConsumer* consumer, const char* topic, const char* expression);
int RegisterMessageCallback(CPushConsumer* consumer, MessageCallback callback);
int RegisterMessageCallbackOrderly(CPushConsumer* consumer, MessageCallback callback);

CPullConsumer* CreatePullConsumer(const char* group);
int StartPullConsumer(CPullConsumer* consumer);
int ShutdownPullConsumer(CPullConsumer* consumer);
int SetPullConsumerNameServerAddress(CPullConsumer* consumer, const char* addresses);
int FetchSubscriptionMessageQueues(CPullConsumer* consumer, const char* topic,
                                   CMessageQueue** queues, int* size);
int ReleaseSubscriptionMessageQueue(CMessageQueue* queues);
CPullResult Pull(CPullConsumer* consumer, const CMessageQueue* queue, const char* expression,
                 long long offset, int max);
int ReleasePullResult(CPullResult result);

}  // extern "C"
