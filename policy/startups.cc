#include "policy/startups.h"
