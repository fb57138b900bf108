"""Jobs: their folders and records on disk, the queue that runs them, and the history of those that ended."""
