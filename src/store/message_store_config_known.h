// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/configuration.h"

namespace rmq::store {

// Keys of the original's store that this one only keeps: they are returned to administrators and
// warned about by name when set.
void bind_known_config(Configuration& configuration);

}  // namespace rmq::store
