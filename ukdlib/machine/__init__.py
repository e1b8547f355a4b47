"""
The machine that a job runs on: its GPUs and who holds them, its signals, and several processes at one task.

Leaves what is computed to those who call.
"""
