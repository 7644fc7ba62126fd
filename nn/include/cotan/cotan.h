/* All of cotan. */
#ifndef COTAN_COTAN_H
#define COTAN_COTAN_H

#include <cotan/allocator.h>
#include <cotan/autograd.h>
#include <cotan/data.h>
#include <cotan/dlpack.h>
#include <cotan/error.h>
#include <cotan/events.h>
#include <cotan/file.h>
#include <cotan/functional.h>
#include <cotan/gradcheck.h>
#include <cotan/graph.h>
#include <cotan/metrics.h>
#include <cotan/nn.h>
#include <cotan/object.h>
#include <cotan/observe.h>
#include <cotan/ops.h>
#include <cotan/random.h>
#include <cotan/onnx.h>
#include <cotan/optimizer.h>
#include <cotan/tensor.h>
#include <cotan/trace.h>
#include <cotan/train.h>
#include <cotan/transforms.h>

#endif
