// Verilator's ports.
#pragma once
#include <cstdint>
#include <type_traits>

// Wide ports are arrays of 32-bit words, narrow ones integers; these read and write either.
template <typename Port>
void setBits(Port& port, int low, int bits, uint64_t value) {
  if constexpr (std::is_integral_v<Port>) {
    const uint64_t mask = (bits == 64 ? ~0ull : (1ull << bits) - 1) << low;
    port = (port & ~mask) | ((value << low) & mask);
  } else {
    for (int i = 0; i < bits; i++) {
      const uint32_t bit = 1u << ((low + i) % 32);
      if (value >> i & 1) port[(low + i) / 32] |= bit;
      else port[(low + i) / 32] &= ~bit;
    }
  }
}

template <typename Port>
uint64_t getBits(const Port& port, int low, int bits) {
  if constexpr (std::is_integral_v<Port>) return port >> low & (bits == 64 ? ~0ull : (1ull << bits) - 1);
  uint64_t value = 0;
  if constexpr (!std::is_integral_v<Port>) {
    for (int i = 0; i < bits; i++) value |= uint64_t(port[(low + i) / 32] >> (low + i) % 32 & 1) << i;
  }
  return value;
}
