// Sizes that the bus fixes, and what decoding makes of an instruction.
package pm_pkg;
  // Unless a configuration says otherwise, 512 bits: a DDR4 burst.
  localparam int LANES = 16;  // elements of 32 bits in a word of a vector register; also rows of a beat of weights
  localparam int WORD = 32 * LANES;  // bits of a word and of a beat of memory
  localparam int ADDR = 28;  // bits of an address in beats
  localparam int SCALAR = 24;  // {e[7:0], m[15:0]}

  localparam logic [SCALAR-1:0] SCALAR_ONE = {8'hf1, 16'h8000};  // 32768 * 2^-15
  localparam logic [SCALAR-1:0] SCALAR_MOST = {8'h7f, 16'hffff};

  // Memories that hold a bank's word of `columns` activations: words of `lanes` activations fill them one or several at a time.
  function automatic int bank_parts(input int lanes, input int columns);
    bank_parts = columns == 20 ? 5 : 16 / lanes;
  endfunction

  localparam logic [2:0] FAULT_NONE = 3'd0;
  localparam logic [2:0] FAULT_ILLEGAL = 3'd1;
  localparam logic [2:0] FAULT_LENGTH = 3'd2;
  localparam logic [2:0] FAULT_ADDRESS = 3'd3;
  localparam logic [2:0] FAULT_UNDERRUN = 3'd4;
  localparam logic [2:0] FAULT_PC = 3'd5;

  localparam logic [1:0] RED_NONE = 2'd0;
  localparam logic [1:0] RED_SS = 2'd1;  // 2 is the greatest magnitude

  // Fields that an instruction does not have are 0, so that the scoreboard needs no exceptions: register numbers
  // come with a flag, and s0, which is never written, stands for "no scalar".
  typedef struct packed {
    logic [5:0] op;
    logic is_ls;
    logic is_row;
    logic is_scl;
    logic is_tmv;
    logic [2:0] fault;  // all but those of stray bits and of an address
    logic y_used;
    logic a_used;
    logic b_used;
    logic q_used;
    logic [2:0] y;
    logic [2:0] a;
    logic [2:0] b;
    logic q;
    logic [3:0] sa;  // scalars read …
    logic [3:0] sb;
    logic [3:0] sd;  // … and written
    logic [13:0] len;  // elements, or columns
    logic [19:0] rows;
    logic [27:0] addr;
    logic [24:0] beats;
    logic [4:0] core;
    logic [4:0] left;
    logic [4:0] shift;
    logic [1:0] red;
    logic wr;
    logic arg;
    logic first;
    logic each;  // of LS: every slot has its own beats
    logic [15:0] target;
    logic [23:0] immediate;
  } decoded_t;
endpackage
