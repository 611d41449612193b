// The other side of `tin` and `tout`: offers tokens from a list or, greedily, the last one that came out.
#pragma once
#include <cstdint>
#include <vector>

struct Host {
  std::vector<uint32_t> prompt;
  size_t generate = 0;  // tokens to generate behind the prompt
  size_t given = 0, outputs = 0;
  std::vector<uint32_t> generated;

  bool offers() const { return given < prompt.size() || (!ended() && outputs >= given); }
  bool ended() const { return given >= prompt.size() && generated.size() >= generate; }
  uint32_t token() const { return given < prompt.size() ? prompt[given] : generated.back(); }
  void taken() { given++; }
  void receive(uint32_t token) {
    if (++outputs >= prompt.size() && generate > 0) generated.push_back(token);
  }
};
