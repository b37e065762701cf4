// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rmq {

// The CommitLog record, which is also the body of pull, view and query answers. Big-endian. Offsets
// hold for IPv4 hosts; each IPv6 host adds 12 to everything behind it.
//
//   offset  bytes  field
//        0      4  totalSize
//        4      4  magic (V1: topic length in 1 byte, V2: in 2)
//        8      4  bodyCRC, CRC-32 & 0x7FFFFFFF, 0 for an empty body
//       12      4  queueId
//       16      4  flag (the client's, opaque)
//       20      8  queueOffset
//       28      8  physicalOffset
//       36      4  sysFlag
//       40      8  bornTimestamp, ms
//       48   8/20  bornHost: address, port as 4 bytes
//       56      8  storeTimestamp, ms
//       64   8/20  storeHost
//       72      4  reconsumeTimes
//       76      8  preparedTransactionOffset
//       84      4  body length B, then B bytes
//     88+B    1/2  topic length T, then T bytes
//       …       2  properties length P, then P bytes
//
// Source: MessageDecoder, CommitLog (5.5.0).
namespace layout {

inline constexpr std::int32_t kMagicV1 = -626843481;     // 0xDAA320A7
inline constexpr std::int32_t kMagicV2 = -626843477;     // 0xDAA320AB
inline constexpr std::int32_t kBlankMagic = -875286124;  // 0xCBD43194

inline constexpr std::int64_t kTotalSizeAt = 0;
inline constexpr std::int64_t kMagicAt = 4;
inline constexpr std::int64_t kQueueOffsetAt = 20;
inline constexpr std::int64_t kPhysicalOffsetAt = 28;
inline constexpr std::int64_t kSysFlagAt = 36;
inline constexpr std::int64_t kBornTimestampAt = 40;
inline constexpr std::int64_t kBornHostAt = 48;
inline constexpr std::int64_t kFixedBytes = 91;  // V1, IPv4 hosts, without body, topic, properties
inline constexpr std::int64_t kV6ExtraBytes = 12;  // per IPv6 host
inline constexpr std::int64_t kBlankBytes = 8;     // size and magic that close a file
static_assert(kFixedBytes == 4 + 4 + 4 + 4 + 4 + 8 + 8 + 4 + 8 + 8 + 8 + 8 + 4 + 8 + 4 + 1 + 2);

}  // namespace layout

// Bits of sysFlag. Source: MessageSysFlag.
namespace sys_flag {

inline constexpr std::int32_t kCompressed = 0x1;
inline constexpr std::int32_t kMultiTags = 0x2;
inline constexpr std::int32_t kTransactionMask = 0xC;
inline constexpr std::int32_t kTransactionNot = 0;
inline constexpr std::int32_t kTransactionPrepared = 0x4;
inline constexpr std::int32_t kTransactionCommit = 0x8;
inline constexpr std::int32_t kTransactionRollback = 0xC;
inline constexpr std::int32_t kBornHostV6 = 0x10;
inline constexpr std::int32_t kStoreHostV6 = 0x20;
inline constexpr std::int32_t kNeedUnwrap = 0x40;
inline constexpr std::int32_t kInnerBatch = 0x80;

}  // namespace sys_flag

}  // namespace rmq
