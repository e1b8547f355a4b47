"""
The machine that a job runs on: its GPUs and their locks, its signals, and several processes working on one task.

What is computed is up to the caller.
"""
