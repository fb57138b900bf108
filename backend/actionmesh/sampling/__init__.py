"""Flow matching: the sampler, its schedules, optional approximations, and the windows for long clips."""
