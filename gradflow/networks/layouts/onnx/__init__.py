"""The layout of ONNX: its recurrent nodes, their functions, and the arrays of the graph."""
