"""Follow-ups: the emails that go out around a visit, each to the right people, once."""
