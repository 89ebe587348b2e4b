"""The files by which other programs than the Docker Engine decide where images come from."""

from agent.adapters.image_files.image_files_layer import ImageFilesLayer
from agent.adapters.image_files.tool_files import ToolFile, tool_files

__all__ = ["ImageFilesLayer", "ToolFile", "tool_files"]
