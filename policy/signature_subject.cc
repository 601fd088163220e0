#include "policy/signature_subject.h"
