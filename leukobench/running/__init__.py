"""From a suite to a result store: plan, representations, tuning and execution."""
