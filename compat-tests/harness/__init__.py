# SPDX-License-Identifier: Apache-2.0
"""Runs stock RocketMQ clients against a server and judges what they saw."""
