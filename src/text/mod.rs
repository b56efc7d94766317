//! Slugs, escaping and redaction: one place each.
