package line

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// LINE wants the length of an audio clip in its message. Both readers return 0 for what they cannot read.

// maxMoov bounds the movie header that is held in memory.
const maxMoov = 16 << 20

// mp4Length reads the movie header (moov/mvhd) of an MP4 or M4A file: ISO/IEC 14496-12 §8.2.2.
func mp4Length(r io.Reader) time.Duration {
	in := bufio.NewReaderSize(io.LimitReader(r, maxClipBytes), 64<<10)
	for {
		kind, size, ok := boxHead(in)
		if !ok {
			return 0
		}
		if kind != "moov" {
			if size < 0 {
				return 0 // the last box reaches to the end
			}
			if n, err := io.CopyN(io.Discard, in, size); err != nil || n < size {
				return 0
			}
			continue
		}
		if size < 0 || size > maxMoov {
			return 0
		}
		moov := make([]byte, size)
		if _, err := io.ReadFull(in, moov); err != nil {
			return 0
		}
		inner := bytes.NewReader(moov)
		for {
			kind, size, ok := boxHead(inner)
			if !ok || size < 0 || size > int64(inner.Len()) {
				return 0
			}
			if kind == "mvhd" {
				return mvhdLength(moov[len(moov)-inner.Len():][:size])
			}
			if _, err := inner.Seek(size, io.SeekCurrent); err != nil {
				return 0
			}
		}
	}
}

// boxHead reads the head of a box and returns the size of its content; -1 means to the end of the file.
func boxHead(r io.Reader) (kind string, size int64, ok bool) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:8]); err != nil {
		return "", 0, false
	}
	kind = string(head[4:8])
	switch n := int64(binary.BigEndian.Uint32(head[:4])); {
	case n == 0:
		return kind, -1, true
	case n == 1:
		if _, err := io.ReadFull(r, head[8:]); err != nil {
			return "", 0, false
		}
		large := binary.BigEndian.Uint64(head[8:])
		if large < 16 || large > 1<<62 {
			return "", 0, false
		}
		return kind, int64(large) - 16, true
	case n < 8:
		return "", 0, false
	default:
		return kind, n - 8, true
	}
}

func mvhdLength(box []byte) time.Duration {
	var scale, ticks uint64
	switch {
	case len(box) >= 20 && box[0] == 0:
		scale, ticks = uint64(binary.BigEndian.Uint32(box[12:])), uint64(binary.BigEndian.Uint32(box[16:]))
	case len(box) >= 32 && box[0] == 1:
		scale, ticks = uint64(binary.BigEndian.Uint32(box[20:])), binary.BigEndian.Uint64(box[24:])
	}
	return clipLength(ticks, scale)
}

// clipLength turns ticks into a time; a day or more is an error in the file.
func clipLength(ticks, perSecond uint64) time.Duration {
	if perSecond == 0 || ticks/perSecond >= 24*3600 {
		return 0
	}
	return time.Duration(float64(ticks) / float64(perSecond) * float64(time.Second))
}

// mp3Length adds up the frames of an MPEG layer III file, or takes their number from its Xing or Info header.
func mp3Length(r io.Reader) time.Duration {
	in := bufio.NewReaderSize(io.LimitReader(r, maxClipBytes), 64<<10)
	skipID3(in)
	var samples, rate uint64
	for first := true; ; first = false {
		head, err := in.Peek(4)
		if err != nil {
			break
		}
		frame, ok := mp3Frame(binary.BigEndian.Uint32(head))
		if !ok {
			break // a tag at the end, or not an MP3
		}
		if rate == 0 {
			rate = frame.rate
		}
		if rate != frame.rate {
			return 0
		}
		if first {
			if whole, err := in.Peek(frame.size); err == nil {
				if n := announcedFrames(whole); n > 0 {
					return clipLength(n*frame.samples, rate)
				}
			}
		}
		if n, _ := in.Discard(frame.size); n < frame.size {
			break
		}
		samples += frame.samples
	}
	return clipLength(samples, rate)
}

// skipID3 passes over an ID3v2 tag.
func skipID3(in *bufio.Reader) {
	head, err := in.Peek(10)
	if err != nil || string(head[:3]) != "ID3" {
		return
	}
	size := 10
	for i := 6; i < 10; i++ {
		size += int(head[i]&0x7f) << (7 * (9 - i))
	}
	if head[5]&0x10 != 0 {
		size += 10 // a footer
	}
	// A tag that is cut short leaves nothing to be found, which is what the caller then sees.
	_, _ = in.Discard(size)
}

// frame is one MPEG audio frame.
type frame struct {
	size    int // bytes
	samples uint64
	rate    uint64 // samples a second
}

// Bit rates of layer III in kbit/s, for MPEG 1 and for MPEG 2 and 2.5 (ISO/IEC 11172-3, 13818-3).
var (
	rates1 = [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	rates2 = [16]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	hertz  = [4]int{44100, 48000, 32000, 0} // MPEG 1; half for 2, a quarter for 2.5
)

// mp3Frame reads a frame header.
func mp3Frame(head uint32) (frame, bool) {
	version, layer := head>>19&3, head>>17&3 // version 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5; layer 1 is layer III
	rate := hertz[head>>10&3]
	if head>>21 != 0x7ff || version == 1 || layer != 1 || rate == 0 {
		return frame{}, false
	}
	padding := int(head >> 9 & 1)
	if version == 3 {
		bits := rates1[head>>12&15]
		return frame{size: 144*bits*1000/rate + padding, samples: 1152, rate: uint64(rate)}, bits > 0
	}
	bits := rates2[head>>12&15]
	rate /= 2
	if version == 0 {
		rate /= 2
	}
	return frame{size: 72*bits*1000/rate + padding, samples: 576, rate: uint64(rate)}, bits > 0
}

// announcedFrames reads the number of frames from a first frame that holds a Xing or Info header.
func announcedFrames(first []byte) uint64 {
	for _, name := range []string{"Xing", "Info"} {
		// It stands where the side information would end: 4+17 or 4+32 bytes, or 4+9 in MPEG 2 mono.
		for _, at := range []int{13, 21, 36} {
			if at+12 <= len(first) && string(first[at:at+4]) == name && first[at+7]&1 != 0 {
				return uint64(binary.BigEndian.Uint32(first[at+8:]))
			}
		}
	}
	return 0
}
