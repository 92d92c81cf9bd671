"""What every service gets. No business word lives here."""
