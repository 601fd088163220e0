#include "policy/penalties.h"
