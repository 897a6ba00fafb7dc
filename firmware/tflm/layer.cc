// A layer of the int8 network by TensorFlow Lite Micro's reference kernel. A dense layer is a convolution whose window is as
// large as its input.

#include <cstdlib>

#include "tensorflow/lite/kernels/internal/reference/integer_ops/conv.h"

// As in `firmware/src/layer.rs`.
struct Layer {
  int32_t from[3];
  int32_t to[3];
  int32_t kernel[2];
  int32_t stride[2];
  int32_t pads[2];
  int32_t zeros[2];
  int32_t range[2];
  const int8_t* weights;
  const int32_t* bias;
  const int32_t* multipliers;
  const int32_t* shifts;
};

static tflite::RuntimeShape shape(int32_t count, const int32_t* rest) {
  return tflite::RuntimeShape({count, rest[0], rest[1], rest[2]});
}

extern "C" void tflm_layer(const Layer* layer, const int8_t* x, int8_t* y) {
  tflite::ConvParams params = {};
  params.padding_values.height = static_cast<int16_t>(layer->pads[0]);
  params.padding_values.width = static_cast<int16_t>(layer->pads[1]);
  params.stride_height = static_cast<int16_t>(layer->stride[0]);
  params.stride_width = static_cast<int16_t>(layer->stride[1]);
  params.dilation_height_factor = 1;
  params.dilation_width_factor = 1;
  params.input_offset = -layer->zeros[0];
  params.output_offset = layer->zeros[1];
  params.quantized_activation_min = layer->range[0];
  params.quantized_activation_max = layer->range[1];
  const int32_t window[3] = {layer->kernel[0], layer->kernel[1], layer->from[2]};
  const int32_t channels[3] = {1, 1, layer->to[2]};
  tflite::reference_integer_ops::ConvPerChannel(
      params, layer->multipliers, layer->shifts, shape(1, layer->from), x, shape(layer->to[2], window),
      layer->weights, shape(1, channels), layer->bias, shape(1, layer->to), y);
}

// Asked for where a shape has more than five axes, or a check fails. Neither happens.
extern "C" void abort() {
  for (;;) {
  }
}
void* operator new[](size_t) { abort(); }
void operator delete[](void*) noexcept {}
void operator delete[](void*, size_t) noexcept {}
