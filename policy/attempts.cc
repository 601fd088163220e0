#include "policy/attempts.h"
