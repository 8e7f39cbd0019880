"""Tests of durable functions, as users write them with `inngest.testing`."""
