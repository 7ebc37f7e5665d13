"""Networks that were trained elsewhere: read from ONNX files, run with onnxruntime, measured as our own.

`onnx_network` reads and runs a network and takes patches of every convolution's input; `images` makes inputs of
pictures; `page` and `command` are what `python -m minigrad.study --network` shows. `recorded` keeps what was found in
networks of others, and `section` is what the study's page says of them.
"""
