"""What every context needs: settings, clock, ids, tokens, errors, HTTP, pages, events."""
