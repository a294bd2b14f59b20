"""Accounts: who people are, how they sign in, and what scripts may do for them."""
