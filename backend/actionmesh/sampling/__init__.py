"""Flow matching: schedules, guidance, the Euler sampler, and the windows in which long clips are generated."""
