"""What is measured: each contender runs in a process of its own, and does what it is asked (`worker.py`)."""
