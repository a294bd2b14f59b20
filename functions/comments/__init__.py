"""Stories and their comments: what readers write, what screening makes of it, and what moderators decide."""
