"""Who tells the time and wakes those who wait: on a timerfd, through the system's sleeps, or virtually."""
