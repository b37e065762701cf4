# SPDX-License-Identifier: Apache-2.0
"""The scenarios, one function each, named as in scenarios.json."""

from . import (admin, consuming, durability, histories, lite_topics, popping, queues, sending, takeovers, timing,
               transactions)

FUNCTIONS = {}
for _module in (sending, consuming, popping, queues, lite_topics, timing, admin, durability, transactions, histories,
                takeovers):
    FUNCTIONS.update({name: value for name, value in vars(_module).items()
                      if callable(value) and getattr(value, "__module__", "") == _module.__name__
                      and not name.startswith("_")})
