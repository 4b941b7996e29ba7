package line

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"sync"
)

const (
	// previewEdge is the longer side of a preview, in pixels: sharp enough for a chat bubble on a phone.
	previewEdge = 1024
	// maxPixels bounds what is decoded: 24 megapixels of PNG take 96 MB.
	maxPixels = 24 << 20
)

// previewing lets one image be decoded at a time, so that a burst of photos does not multiply that memory.
var previewing sync.Mutex

// previewOf makes a JPEG of at most 1 MB from a JPEG or PNG, turned as its camera meant it.
func previewOf(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxImageBytes+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxImageBytes {
		return nil, errNoPreview
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, errNoPreview
	}
	previewing.Lock()
	defer previewing.Unlock()
	full, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, errNoPreview
	}
	small := shrink(full, previewEdge)
	if format == "jpeg" {
		small = turn(small, orientation(raw))
	}
	for _, quality := range []int{85, 60, 30} {
		var b bytes.Buffer
		if jpeg.Encode(&b, small, &jpeg.Options{Quality: quality}) == nil && b.Len() <= maxPreviewBytes {
			return b.Bytes(), nil
		}
	}
	return nil, errNoPreview
}

// shrink averages the pixels down until the longer side is at most edge, on white where the picture is transparent. It
// works through the picture in bands, so as not to hold a second copy of it.
func shrink(src image.Image, edge int) *image.RGBA {
	bounds := src.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	longer := max(width, height)
	newWidth, newHeight := width, height
	if longer > edge {
		newWidth, newHeight = max(1, width*edge/longer), max(1, height*edge/longer)
	}
	dst := image.NewRGBA(image.Rect(0, 0, newWidth, newHeight))
	band := image.NewRGBA(image.Rect(0, 0, width, (height+newHeight-1)/newHeight+1))
	for y := range newHeight {
		top, bottom := y*height/newHeight, max((y+1)*height/newHeight, y*height/newHeight+1)
		area := image.Rect(0, 0, width, bottom-top)
		draw.Draw(band, area, image.White, image.Point{}, draw.Src)
		draw.Draw(band, area, src, image.Pt(bounds.Min.X, bounds.Min.Y+top), draw.Over)
		for x := range newWidth {
			left, right := x*width/newWidth, max((x+1)*width/newWidth, x*width/newWidth+1)
			var red, green, blue, n int
			for by := range bottom - top {
				row := band.Pix[by*band.Stride+left*4 : by*band.Stride+right*4]
				for i := 0; i < len(row); i += 4 {
					red, green, blue, n = red+int(row[i]), green+int(row[i+1]), blue+int(row[i+2]), n+1
				}
			}
			dst.SetRGBA(x, y, color.RGBA{R: uint8(red / n), G: uint8(green / n), B: uint8(blue / n), A: 255})
		}
	}
	return dst
}

// orientation reads the EXIF orientation (1 to 8) of a JPEG; 1, as it lies, where there is none.
func orientation(raw []byte) int {
	for at := 2; at+4 <= len(raw) && raw[at] == 0xff; {
		marker, size := raw[at+1], int(binary.BigEndian.Uint16(raw[at+2:]))
		if size < 2 || at+2+size > len(raw) || marker == 0xda {
			return 1
		}
		segment := raw[at+4 : at+2+size]
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && marker == 0xe1 {
			return tiffOrientation(tiff)
		}
		at += 2 + size
	}
	return 1
}

// tiffOrientation finds tag 0x0112 in the first directory of a TIFF block.
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	count := uint64(order.Uint16(tiff[at:]))
	for i := range count {
		entry := at + 2 + i*12
		if entry+12 > uint64(len(tiff)) {
			return 1
		}
		if order.Uint16(tiff[entry:]) == 0x0112 {
			if o := int(order.Uint16(tiff[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}

// turn applies an EXIF orientation.
func turn(src *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return src
	}
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	dst := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			to := image.Pt(x, y)
			switch orientation {
			case 2:
				to = image.Pt(w-1-x, y)
			case 3:
				to = image.Pt(w-1-x, h-1-y)
			case 4:
				to = image.Pt(x, h-1-y)
			case 5:
				to = image.Pt(y, x)
			case 6:
				to = image.Pt(h-1-y, x)
			case 7:
				to = image.Pt(h-1-y, w-1-x)
			case 8:
				to = image.Pt(y, w-1-x)
			}
			dst.SetRGBA(to.X, to.Y, src.RGBAAt(x, y))
		}
	}
	return dst
}

// placeholder is the preview of a video: LINE requires one, and no frame can be taken from the video here. A light triangle
// on a dark ground.
var placeholder = sync.OnceValue(func() []byte {
	const width, height = 480, 270
	palette := color.Palette{color.RGBA{R: 0x2b, G: 0x33, B: 0x3d, A: 255}, color.RGBA{R: 0xe6, G: 0xea, B: 0xee, A: 255}}
	picture := image.NewPaletted(image.Rect(0, 0, width, height), palette)
	const half = 40 // of the triangle's height
	for dy := -half; dy <= half; dy++ {
		reach := (half - max(dy, -dy)) * 7 / 4
		for dx := range reach {
			picture.SetColorIndex(width/2-half*3/4+dx, height/2+dy, 1)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		panic("line: the placeholder cannot be encoded: " + err.Error()) // a buffer takes every write
	}
	return b.Bytes()
})
