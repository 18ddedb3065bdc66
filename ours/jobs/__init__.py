"""The RQ door: jobs that drain rows, and the processes that run them."""
