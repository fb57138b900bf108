"""Writing files so that they appear complete or not at all, under names that every system accepts."""
