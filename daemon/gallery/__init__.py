"""Gallery: a static web page in the outbox that shows every animation and every failed drawing."""
