// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/configuration.h"

namespace rmq::broker {

// Keys that the original's broker knows and this one only keeps: they are returned to
// administrators and warned about by name when set.
void bind_known_config(Configuration& configuration);

}  // namespace rmq::broker
