#include "policy/public_key_algorithms.h"
