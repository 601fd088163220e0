// See terminal_modes.h. One table: opcode, where it lives in termios, which bits.
#include "guest/terminal_modes.h"

#include <unistd.h>

#include <array>
#include <optional>

namespace ssh2incus::guest {
namespace {

enum class Place : std::uint8_t { kCharacter, kInput, kOutput, kControl, kLocal };
struct Mode {
  std::uint8_t opcode;
  Place place;
  tcflag_t bits;      // the flag; for characters the index in c_cc
  tcflag_t mask = 0;  // cleared first, if not the flag itself
};

constexpr std::array<Mode, 51> kModes = {{
    {1, Place::kCharacter, VINTR},     {2, Place::kCharacter, VQUIT},
    {3, Place::kCharacter, VERASE},    {4, Place::kCharacter, VKILL},
    {5, Place::kCharacter, VEOF},      {6, Place::kCharacter, VEOL},
    {7, Place::kCharacter, VEOL2},     {8, Place::kCharacter, VSTART},
    {9, Place::kCharacter, VSTOP},     {10, Place::kCharacter, VSUSP},
    {12, Place::kCharacter, VREPRINT}, {13, Place::kCharacter, VWERASE},
    {14, Place::kCharacter, VLNEXT},   {16, Place::kCharacter, VSWTC},
    {18, Place::kCharacter, VDISCARD}, {30, Place::kInput, IGNPAR},
    {31, Place::kInput, PARMRK},       {32, Place::kInput, INPCK},
    {33, Place::kInput, ISTRIP},       {34, Place::kInput, INLCR},
    {35, Place::kInput, IGNCR},        {36, Place::kInput, ICRNL},
    {37, Place::kInput, IUCLC},        {38, Place::kInput, IXON},
    {39, Place::kInput, IXANY},        {40, Place::kInput, IXOFF},
    {41, Place::kInput, IMAXBEL},      {42, Place::kInput, IUTF8},
    {50, Place::kLocal, ISIG},         {51, Place::kLocal, ICANON},
    {52, Place::kLocal, XCASE},        {53, Place::kLocal, ECHO},
    {54, Place::kLocal, ECHOE},        {55, Place::kLocal, ECHOK},
    {56, Place::kLocal, ECHONL},       {57, Place::kLocal, NOFLSH},
    {58, Place::kLocal, TOSTOP},       {59, Place::kLocal, IEXTEN},
    {60, Place::kLocal, ECHOCTL},      {61, Place::kLocal, ECHOKE},
    {62, Place::kLocal, PENDIN},       {70, Place::kOutput, OPOST},
    {71, Place::kOutput, OLCUC},       {72, Place::kOutput, ONLCR},
    {73, Place::kOutput, OCRNL},       {74, Place::kOutput, ONOCR},
    {75, Place::kOutput, ONLRET},      {90, Place::kControl, CS7, CSIZE},
    {91, Place::kControl, CS8, CSIZE}, {92, Place::kControl, PARENB},
    {93, Place::kControl, PARODD},
}};

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kInputSpeed = 128;
constexpr std::uint8_t kOutputSpeed = 129;
constexpr std::uint8_t kFirstWithoutArgument = 160;  // undefined by the RFC: parsing stops

struct Speed {
  std::uint32_t bits_per_second;
  speed_t code;
};
constexpr std::array<Speed, 13> kSpeeds = {{{50, B50},
                                            {300, B300},
                                            {600, B600},
                                            {1200, B1200},
                                            {2400, B2400},
                                            {4800, B4800},
                                            {9600, B9600},
                                            {19200, B19200},
                                            {38400, B38400},
                                            {57600, B57600},
                                            {115200, B115200},
                                            {230400, B230400},
                                            {460800, B460800}}};

std::optional<speed_t> speed_code(std::uint32_t bits_per_second) {
  for (const auto& speed : kSpeeds) {
    if (speed.bits_per_second == bits_per_second) return speed.code;
  }
  return std::nullopt;
}

tcflag_t& flags_of(Place place, termios& settings) {
  switch (place) {
    case Place::kOutput: return settings.c_oflag;
    case Place::kControl: return settings.c_cflag;
    case Place::kLocal: return settings.c_lflag;
    default: return settings.c_iflag;
  }
}

void apply(const Mode& mode, std::uint32_t value, termios& settings) {
  if (mode.place == Place::kCharacter) {
    // 255 means that the character is disabled.
    settings.c_cc[mode.bits] =
        value == 255 ? static_cast<cc_t>(_POSIX_VDISABLE) : static_cast<cc_t>(value);
    return;
  }
  auto& flags = flags_of(mode.place, settings);
  if (value != 0) {
    flags = (flags & ~mode.mask) | mode.bits;
  } else if (mode.mask == 0) {
    flags &= ~mode.bits;
  }
}

void apply(std::uint8_t opcode, std::uint32_t value, termios& settings) {
  if (opcode == kInputSpeed || opcode == kOutputSpeed) {
    const auto code = speed_code(value);
    if (!code) return;
    if (opcode == kInputSpeed) cfsetispeed(&settings, *code);
    if (opcode == kOutputSpeed) cfsetospeed(&settings, *code);
    return;
  }
  for (const auto& mode : kModes) {
    if (mode.opcode == opcode) return apply(mode, value, settings);
  }
}

}  // namespace

bool apply_terminal_modes(std::span<const std::uint8_t> modes, termios& settings) {
  while (!modes.empty()) {
    const std::uint8_t opcode = modes[0];
    if (opcode == kEnd || opcode >= kFirstWithoutArgument) return true;
    if (modes.size() < 5) return false;
    std::uint32_t value = 0;
    for (std::size_t i = 1; i < 5; ++i) value = (value << 8) | modes[i];
    apply(opcode, value, settings);
    modes = modes.subspan(5);
  }
  return true;
}

}  // namespace ssh2incus::guest
