#include "policy/base64.h"
