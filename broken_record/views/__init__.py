"""Pictures of reports: data in, Bokeh models out; nothing here reads a file or opens a browser."""
