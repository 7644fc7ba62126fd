/* The layers of a file of weights. */
#ifndef COTAN_CLI_LAYERS_H
#define COTAN_CLI_LAYERS_H

#include <cotan/file.h>
#include <stdbool.h>

/* Writes a table of them; false without memory. */
bool write_layers(const ct_tensor_file *file);

#endif
