"""The event API as an ASGI app: `inngest.server.app.create_app` makes it."""
