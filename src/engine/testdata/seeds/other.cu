// A second stand-in, of another source.
/*@plan
tune WIDTH = 8 in {2, 4, 8, 16};
require WIDTH != 2 else "WIDTH 2 is refused";
other<<<dim3(batch_size, WIDTH), 64>>>(q, output, new_state);
*/
// knob::WIDTH
