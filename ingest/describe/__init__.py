"""What meter files hold, told without accounts."""
