"""The life of jobs: their folders and records on disk, the queue that runs them, and what is left of those that ended."""
