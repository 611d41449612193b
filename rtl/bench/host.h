// The other side of `tin` and `tout`: offers tokens, one for each slot, from a list or, greedily, the last ones that came out.
#pragma once
#include <cstdint>
#include <vector>

using Tokens = std::vector<int64_t>;  // of each slot; −1: the slot is inactive

struct Host {
  std::vector<Tokens> prompt;
  size_t generate = 0;  // steps to generate behind the prompt
  size_t given = 0, outputs = 0;
  std::vector<Tokens> generated;

  bool offers() const { return given < prompt.size() || (!ended() && outputs >= given); }
  bool ended() const { return given >= prompt.size() && generated.size() >= generate; }
  const Tokens& tokens() const { return given < prompt.size() ? prompt[given] : generated.back(); }
  void taken() { given++; }
  void receive(const Tokens& tokens) {
    if (++outputs >= prompt.size() && generate > 0) generated.push_back(tokens);
  }
};
