"""A billing cycle: plan, partitions, run, review, approval, publish, and the working of a bill."""
